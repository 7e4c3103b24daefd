"""What the ways of running one model in one loop are worth: policies, samples, decoding, guards, kinds of memory."""
