"""The scenario language: who sends what when. Timelines, sample traffic, capture files, the bench. Pure."""

from collectors.scenario.scenario import START_US, Scenario, event

__all__ = ["START_US", "Scenario", "event"]
