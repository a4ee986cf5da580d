"""`tocsin up`: the supervisor of the whole bus on one machine, its members, and the embedded broker."""
