//! The logs that sawlog knows. Each is described in a module of its own, which ends in a `FORMAT`.

pub mod alb_access;
pub mod cloudtrail;
pub mod s3_access;
pub mod vpc_flow;
