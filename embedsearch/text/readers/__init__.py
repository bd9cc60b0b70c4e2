"""The readers of files, a module for each format or a few that are alike."""
