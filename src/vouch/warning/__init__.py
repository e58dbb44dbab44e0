"""Early warning: rules that see signals, alerts that people answer, mails that reach them."""
