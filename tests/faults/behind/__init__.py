"""The same behind the commit: overviews, Celery, a mail server, the bus and the database itself are hurt, and the
tables changed under way; then alerts and mails are counted against what was committed.

`python -m tests.faults --behind SEED …` lives through such worlds again.
"""
