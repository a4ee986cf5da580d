"""The way out to a stranger's HTTP server: which URLs and addresses may be asked for, through which proxy, trusting
whom, for how long. Webhooks, DIDComm peers and what is looked up for them (did:web) all go this way."""
