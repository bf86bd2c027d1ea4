"""Judging predictions against the truth: from files to metrics to a report.

Predictions are written to a folder first; metrics are computed from that folder alone, and
the report from the metrics and the predictions. Nothing here knows who made them.
"""
