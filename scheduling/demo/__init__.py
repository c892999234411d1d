"""The demonstration clinic: a site of invented people, made through the functions that real clinics use."""
