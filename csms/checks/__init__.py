"""`csms check`: what is wrong with how csms is set up. A function for each thing to look at."""
