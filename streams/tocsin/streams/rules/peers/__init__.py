"""The DIDComm agents that are told: who they are, what they understand, and how that is learned."""
