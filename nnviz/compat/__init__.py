"""Other libraries' names on top of this one, for notebooks that outlived them; nothing of ours
imports it."""
