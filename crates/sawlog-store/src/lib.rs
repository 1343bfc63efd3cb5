//! The store: Delta tables in a folder, written by sawlog and read by sawq.

pub mod parquet;
