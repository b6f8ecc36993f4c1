"""The desk's look: the site's colours in the theme's scales."""

from typing import Any

# Paper to ink; 500 and 400 are the quiet text on light and on dark, 900 is the dark ground.
_BASE = {
    "50": "#FBFAF6",
    "100": "#F1F0EA",
    "200": "#DAD7CE",
    "300": "#C8D3D8",
    "400": "#A9B8BF",
    "500": "#5A6972",
    "600": "#33444F",
    "700": "#3A4A54",
    "800": "#2A3942",
    "900": "#10191F",
    "950": "#0B1418",
}
# 600 is the colour of buttons and links on light, 500 that of links on dark.
_PRIMARY = {
    "50": "#F2F7F7",
    "100": "#EAF1F1",
    "200": "#CFE2E4",
    "300": "#B5D9DE",
    "400": "#9AD9E3",
    "500": "#6FC3D0",
    "600": "#0E5563",
    "700": "#0A3F4A",
    "800": "#08333C",
    "900": "#1C3037",
    "950": "#0B1418",
}


def theme(*, name: str) -> dict[str, Any]:
    """Give the theme's settings for the company `name`."""
    return {
        "SITE_TITLE": f"Desk of {name}",
        "SITE_HEADER": name,
        "SITE_SUBHEADER": "Desk",
        "SITE_URL": "/",
        "SITE_ICON": "hmnp.desk.navigation.mark",
        "SITE_FAVICONS": [
            {"rel": "icon", "type": "image/svg+xml", "href": "hmnp.desk.navigation.mark"}
        ],
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": False,
        "SHOW_BACK_BUTTON": True,
        "BORDER_RADIUS": "6px",
        "COLORS": {
            "base": _BASE,
            "primary": _PRIMARY,
            "font": {
                "subtle-light": "#4B5B66",
                "subtle-dark": "#A9B8BF",
                "default-light": "#16242E",
                "default-dark": "#E8EEF0",
                "important-light": "#16242E",
                "important-dark": "#FFFFFF",
            },
        },
        "ACCOUNT": {"navigation": "hmnp.desk.navigation.account"},
        "SIDEBAR": {
            "show_search": False,
            "command_search": False,
            "show_all_applications": False,
            "navigation": "hmnp.desk.navigation.navigation",
        },
    }
