"""Figures in, text out: tables for a terminal, and later JSON, JUnit and HTML. Nothing is measured here."""
