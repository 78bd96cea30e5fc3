//! `access` (middlewares.md 5.1): refuses every request of its scope.

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// 400 to 599.
    pub status: u16,
}

/// The filter.
#[derive(Debug)]
pub struct Access {
    status: u16,
}

impl Access {
    /// # Errors
    /// None; the signature is that of every filter.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            status: config.status,
        })
    }
}

impl Filter for Access {
    /// MW-ACCESS-1: any method; what is out of scope never comes here. The access log says which
    /// client asked for which path of which route.
    fn request(&self, _exchange: &mut Exchange) -> Flow {
        Flow::Answer(Answer::of(self.status))
    }
}
