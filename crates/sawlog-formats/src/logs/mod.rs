//! The logs that sawlog knows: each is described in a module of its own, which ends in one `FORMAT`.

pub mod alb_access;
pub mod cloudtrail;
pub mod s3_access;
pub mod vpc_flow;
