//! The habits of the house hold: the workflows and the local check do the same steps, every crate can be packaged, generated pages
//! are as the code is.
