"""How messages write days and times for readers of Spanish: lunes, 1 de marzo de 2027, 2:30 p. m.

The clock has twelve hours, as on the clinic's door in the United States, with "a. m." and "p. m." as the Real Academia
writes them, which nobody in Spain takes for another hour either. Months are never numbers: 3/4 is two different days.
"""

MESSAGE_DAY = r"l, j \d\e F \d\e Y"
MESSAGE_SHORT_DAY = r"D j \d\e F"
MESSAGE_TIME = "g:i a"
MESSAGE_MONTH = r"F \d\e Y"
