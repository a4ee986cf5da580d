"""Context: what was going on around a problem. Fed by activity and by problems themselves."""
