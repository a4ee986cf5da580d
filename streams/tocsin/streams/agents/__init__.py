"""The two agents as the engine runs them: decode, call a rule, encode what it decides. No decisions here."""
