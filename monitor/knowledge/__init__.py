"""What is known of each finding and status code: what it means, why it happens, how to be sure, how to mend it.

The texts are in `findings/*.toml` and `statuses.toml`, so that people who know telephony and no Python can
better them. They are shown wherever a finding is shown: pages, mails, reports, `offhook explain`, the docs.
"""

from monitor.knowledge.library import finding, findings, status, statuses
from monitor.knowledge.values import PRODUCTS, Article, Cause, Status, ordered

__all__ = ["PRODUCTS", "Article", "Cause", "Status", "finding", "findings", "ordered", "status", "statuses"]
