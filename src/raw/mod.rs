//! Raw formats: from the bytes of one collector record to a collector payload, one file per format.
