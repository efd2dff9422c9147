"""
What Home Assistant is told, so that a line appears there by itself: one retained document for each thing it shows.

Source: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (a topic and a document an entity, which every
version reads; all of a line belong to one device).
"""

from __future__ import annotations

import json
import re
from typing import Any

from hemline import __version__
from hemline.line.decision import VERDICTS
from hemline.line.messages import topic

PREFIX = "homeassistant"
ONLINE, OFFLINE = "online", "offline"


def documents(line: str) -> list[tuple[str, bytes]]:
    """Return (topic, JSON) of everything that a line shows."""
    device = f"hemline_{re.sub(r'[^A-Za-z0-9_-]', '_', line)}"
    return [
        (f"{PREFIX}/{kind}/{device}/{name}/config", json.dumps(_entity(line, device, name, values)).encode())
        for kind, name, values in _entities(line)
    ]


def _entities(line: str) -> list[tuple[str, str, dict[str, Any]]]:
    decision, event = topic(line, "decision"), topic(line, "event")
    return [
        (
            "sensor",
            "verdict",
            {
                "name": "Verdict",
                "state_topic": decision,
                "value_template": "{{ value_json.verdict }}",
                "json_attributes_topic": decision,
                "device_class": "enum",
                "options": list(VERDICTS),
                "icon": "mdi:quality-high",
            },
        ),
        (
            "sensor",
            "score",
            {
                "name": "Score",
                "state_topic": decision,
                "value_template": "{{ value_json.score }}",  # null is shown as unknown
                "state_class": "measurement",
                "suggested_display_precision": 3,
                "icon": "mdi:gauge",
            },
        ),
        (
            "sensor",
            "part",
            {
                "name": "Part",
                "state_topic": decision,
                "value_template": "{{ value_json.part }}",
                "icon": "mdi:barcode",
            },
        ),
        (
            "binary_sensor",
            "reject",
            {
                "name": "Reject",
                "state_topic": decision,
                "value_template": "{{ 'ON' if value_json.verdict == 'reject' else 'OFF' }}",
                "device_class": "problem",
            },
        ),
        (
            "sensor",
            "event",
            {
                "name": "Event",
                "state_topic": event,
                "value_template": "{{ value_json.event }}",
                "json_attributes_topic": event,
                "entity_category": "diagnostic",
                "icon": "mdi:alert-circle-outline",
            },
        ),
    ]


def _entity(line: str, device: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        **values,
        "unique_id": f"{device}_{name}",
        "availability_topic": topic(line, "availability"),
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "device": {
            "identifiers": [device],
            "name": f"hemline {line}",
            "manufacturer": "hemline",
            "model": "line",
            "sw_version": __version__,
        },
        "origin": {"name": "hemline", "sw_version": __version__},
    }
