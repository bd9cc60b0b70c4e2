from __future__ import annotations

import os
import tempfile

# What is known of the many workspaces that tests make is nobody's concern.
_STATE = tempfile.TemporaryDirectory(prefix="embedsearch-state-", ignore_cleanup_errors=True)
os.environ["XDG_STATE_HOME"] = _STATE.name
