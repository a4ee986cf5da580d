"""Questions to the store: functions of a `Scope`, which has the tenant."""
