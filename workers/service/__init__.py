"""The processes: worker, scheduler, embedded servers, demo."""
