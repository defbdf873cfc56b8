"""The people's doors: HTTP for intake systems, reviewers, partners and listeners, and the web pages.

Nothing here judges a case. What is said goes through `worker/doors.py` like everything else; what is shown is read from the record, as
far as the caller may see it.
"""
