"""How messages write days and times for readers of English; the names are ours, so no other page changes."""

MESSAGE_DAY = "l, F j, Y"
MESSAGE_SHORT_DAY = "D, M j"
MESSAGE_TIME = "g:i A"
MESSAGE_MONTH = "F Y"
