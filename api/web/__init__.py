"""The pages: server-rendered, working without JavaScript, in the languages of `texts/`."""
