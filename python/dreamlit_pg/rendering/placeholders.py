"""Links that only the sender can make: templates write these in their stead, and it replaces them."""

from __future__ import annotations

PLACEHOLDERS = {
    "unsubscribe_url": "https://unsubscribe.dreamlit.invalid/",
    "preferences_url": "https://preferences.dreamlit.invalid/",
}
