from scheduling.models.access import CalendarFeed, PatientLink
from scheduling.models.answer import Answer, AnswerKind, AnswerSource
from scheduling.models.change import Change, ChangedCourse, ChangedSession, ChangeKind
from scheduling.models.course import Course, CourseDecision, CourseStatus, GateRecord
from scheduling.models.driver import Driver, DriverKind, DriverStatus, PickUp
from scheduling.models.inbound import Inbound, InboundSource
from scheduling.models.notice import Announcement, Notice, NoticeChannel, NoticeCopy, NoticeKind, NoticeStatus
from scheduling.models.reminder_setting import ReminderSetting
from scheduling.models.session import Hold, MissedReason, Session, SessionStatus
from scheduling.models.waiting import ClinicalNeed, WaitingEntry, WaitingOffer, WaitingOutcome

__all__ = [
    "Announcement",
    "Answer",
    "AnswerKind",
    "AnswerSource",
    "CalendarFeed",
    "Change",
    "ChangeKind",
    "ChangedCourse",
    "ChangedSession",
    "ClinicalNeed",
    "Course",
    "CourseDecision",
    "CourseStatus",
    "Driver",
    "DriverKind",
    "DriverStatus",
    "GateRecord",
    "Hold",
    "Inbound",
    "InboundSource",
    "MissedReason",
    "Notice",
    "NoticeChannel",
    "NoticeCopy",
    "NoticeKind",
    "NoticeStatus",
    "PatientLink",
    "PickUp",
    "ReminderSetting",
    "Session",
    "SessionStatus",
    "WaitingEntry",
    "WaitingOffer",
    "WaitingOutcome",
]
