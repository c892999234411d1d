from scheduling.models.course import Course, CourseDecision, CourseStatus, GateRecord
from scheduling.models.notice import Announcement, Notice, NoticeChannel, NoticeKind, NoticeStatus
from scheduling.models.session import Driver, Hold, MissedReason, Session, SessionStatus

__all__ = [
    "Announcement",
    "Course",
    "CourseDecision",
    "CourseStatus",
    "Driver",
    "GateRecord",
    "Hold",
    "MissedReason",
    "Notice",
    "NoticeChannel",
    "NoticeKind",
    "NoticeStatus",
    "Session",
    "SessionStatus",
]
