"""What people are told and how they answer: the words of a notification, who carries them (Apprise), the signed links.

`told` reads a notification, `letter` writes it for a person, `calls` hands it to Apprise in a process of its own,
`links` makes and checks the links by which a person answers (docs/people.md).
"""
