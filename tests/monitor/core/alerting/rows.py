"""The rows that decisions become, as a fake: what the service keeps, without a database."""

from dataclasses import dataclass, field
from typing import assert_never

from monitor.core.alerting.values import (
    AlertChanged,
    AlertEscalated,
    AlertOpened,
    AlertResolved,
    AlertValues,
    Decision,
    FindingForgotten,
    FindingNoted,
    HeldAlert,
    Signal,
)
from monitor.core.updates import FindingState


@dataclass
class Rows:
    """Open alerts by fingerprint with their findings; and what people were told, in order."""

    alerts: dict[str, AlertValues] = field(default_factory=dict)
    findings: dict[str, dict[tuple[str, str, str], Signal]] = field(default_factory=dict)
    told: list[tuple[str, str, int]] = field(default_factory=list)

    def apply(self, decisions: list[Decision]) -> None:
        """Write what was decided."""
        for decision in decisions:
            self._apply(decision)

    def held(self) -> list[HeldAlert]:
        """What a restart reads."""
        return [
            HeldAlert(alert=alert, findings=tuple(self.findings[fingerprint].values()))
            for fingerprint, alert in self.alerts.items()
        ]

    def _apply(self, decision: Decision) -> None:
        match decision:
            case AlertOpened(alert):
                assert alert.fingerprint not in self.alerts, "two open alerts of one fingerprint"
                self.alerts[alert.fingerprint] = alert
                self.findings[alert.fingerprint] = {}
                self.told.append(("opened", alert.fingerprint, alert.count))
            case AlertChanged(alert):
                self._replace(alert)
            case AlertEscalated(alert):
                self._replace(alert)
                self.told.append(("escalated", alert.fingerprint, alert.count))
            case AlertResolved(alert, _, resolution):
                del self.alerts[alert.fingerprint]
                del self.findings[alert.fingerprint]
                self.told.append((f"resolved {resolution}", alert.fingerprint, alert.count))
            case FindingNoted(fingerprint, signal):
                findings = self.findings[fingerprint]
                name = (signal.slug, signal.code, signal.subject)
                if signal.state is FindingState.CLEARED:
                    del findings[name]
                else:
                    findings[name] = signal
            case FindingForgotten(fingerprint, slug, code, subject):
                del self.findings[fingerprint][slug, code, subject]
            case _:
                assert_never(decision)

    def _replace(self, alert: AlertValues) -> None:
        assert alert.fingerprint in self.alerts, "changed an alert that is not open"
        self.alerts[alert.fingerprint] = alert
