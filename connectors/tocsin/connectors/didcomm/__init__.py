"""DIDComm: messages packed for a peer and opened from one, under keys that only this bus has (docs/didcomm.md).

`port` says what is given and promised; it imports no library, and everything else here stands behind it.
"""
