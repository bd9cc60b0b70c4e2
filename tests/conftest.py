from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

# What is known of the many workspaces that tests make is nobody's concern.
_STATE = tempfile.TemporaryDirectory(prefix="embedsearch-state-", ignore_cleanup_errors=True)
os.environ["XDG_STATE_HOME"] = _STATE.name

# No test asserts a time, and a machine may be busy.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")
