"""What the ready-made templates are shown with: a brand, and for each the item that its email is made of."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

BRAND: dict[str, Any] = {
    "name": "Fernhill Books",
    "url": "https://fernhill.example/",
    "logo": None,
    "postal_address": "Fernhill Books, 12 Long Row, York YO1 7AB, United Kingdom",
    "from": "Fernhill Books <hello@fernhill.example>",
    "reply_to": None,
    "colours": {
        "primary": "#1f6f54",
        "on_primary": "#ffffff",
        "text": "#1f2933",
        "muted": "#5f6b7a",
        "background": "#f3f1ec",
        "surface": "#ffffff",
    },
    "fonts": {"heading": "Georgia, 'Times New Roman', serif", "body": "Helvetica, Arial, sans-serif"},
}

ITEMS: dict[str, dict[str, Any]] = {
    "alert": {
        "trigger": {
            "incident_id": 318,
            "title": "Payments are refused by the bank",
            "severity": "critical",
            "detail": "41 of the last 50 payments came back with 'issuer unavailable'.\nThe first was at 09:12.",
            "source": "checkout, eu-west",
            "happened_at": "2026-03-02T09:14:00+00:00",
        }
    },
    "comment": {
        "trigger": {
            "body": "I read it on the train and **missed my stop**.\n\nIs there a second volume? "
            "[Somebody said so](https://fernhill.example/talk) last week.",
            "post_id": 7,
        },
        "post": {"title": "The Lighthouse Keeper's Almanac", "author": "Grace Hopper"},
        "follower": {"email": "ann@example.com"},
    },
    "digest": {
        "trigger": {"digest_id": 1},
        "person": {"name": "Ann", "email": "ann@example.com"},
        "posts": [
            {
                "post_id": 7,
                "title": "The Lighthouse Keeper's Almanac",
                "summary": "A year on a rock in the sea, told in tides, storms and the price of lamp oil.",
            },
            {
                "post_id": 8,
                "title": "Bread, and How to Wait for It",
                "summary": "Forty loaves, none of them quick. With a chapter on what to do while the dough rises.",
            },
            {"post_id": 9, "title": "A Short History of Maps", "summary": "From clay to satellites."},
        ],
    },
    "invitation": {
        "trigger": {
            "email": "ann@example.com",
            "token": "r4Jx-9kQ_t2",
            "expires_at": "2026-03-16T12:00:00+00:00",
        },
        "team": {"name": "The Thursday Readers", "inviter": "Grace Hopper"},
    },
    "password_reset": {
        "trigger": {
            "email": "ann@example.com",
            "token": "r4Jx-9kQ_t2",
            "expires_at": "2026-03-02T13:30:00+00:00",
        }
    },
    "receipt": {
        "trigger": {
            "email": "ann@example.com",
            "order_id": 10042,
            "paid_at": "2026-03-02T09:14:00+00:00",
            "total": Decimal("61.40"),
            "currency": "GBP",
        },
        "lines": [
            {"name": "Bread, and How to Wait for It", "quantity": 1, "amount": Decimal("18.50")},
            {"name": "Postcards of the harbour", "quantity": 12, "amount": Decimal("14.40")},
            {"name": "The Lighthouse Keeper's Almanac", "quantity": 1, "amount": Decimal("28.50")},
        ],
    },
    "welcome": {"trigger": {"name": "Ann", "email": "ann@example.com"}},
}
