"""The Alertmanager configuration: grouped by area, a network alert silences node alerts, those silence cells.

https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

from typing import Any

import yaml


def alertmanager_config(url: str = "http://127.0.0.1:8470", token_file: str | None = None) -> str:
    """Write the configuration that sends every alert to callcause at `url`."""
    hook: dict[str, Any] = {"url": f"{url}/alertmanager", "send_resolved": True}
    if token_file:
        hook["http_config"] = {"authorization": {"type": "Bearer", "credentials_file": token_file}}
    config = {
        "route": {
            "receiver": "callcause",
            "group_by": ["region", "scope", "category"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
        },
        "inhibit_rules": [
            _inhibit("network", ["node", "cell", "gsm_cell"], ["category"]),
            _inhibit("node", ["cell", "gsm_cell"], ["region", "category"]),
        ],
        "receivers": [{"name": "callcause", "webhook_configs": [hook]}],
    }
    return yaml.safe_dump(config, sort_keys=False)


def _inhibit(source: str, targets: list[str], equal: list[str]) -> dict[str, Any]:
    return {
        "source_matchers": [f'scope="{source}"'],
        "target_matchers": [f'scope=~"{"|".join(targets)}"'],
        "equal": equal,
    }
