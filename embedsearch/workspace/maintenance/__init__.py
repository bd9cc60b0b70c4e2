"""Keeping a workspace sound: verify, repair, back up, restore, compact."""
