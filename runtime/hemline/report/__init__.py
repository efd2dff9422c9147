"""Figures in, text out: tables for a terminal, JUnit for a CI server, pages for a person. Nothing is measured here."""
