"""`tocsin agents`: whether the webhooks of agents are set right, and what was heard of them lately."""
