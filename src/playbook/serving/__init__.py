"""The playground: a page on localhost, `make demo`. Nothing here computes what another layer already does."""
