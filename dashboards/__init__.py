"""Grafana boards as code, their built JSON, and the live page."""
