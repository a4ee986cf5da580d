"""The processes of the bus, each built here from its parts: worker, dispatch, gateway. The composition roots."""
