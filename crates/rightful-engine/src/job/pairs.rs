//! Both images side by side, read ahead: what a plan is made from, and what a preview looks at.

use rightful_core::Result;

use super::prefetch::Prefetch;
use crate::{ImageId, Join, Joined, Policy, Store, Stream};

/// The merge-join over two stored images. It holds a few chunks, however many records there are.
pub(crate) struct Pairs {
    source: Prefetch,
    target: Prefetch,
    join: Join,
}

impl Pairs {
    pub fn of(store: &dyn Store, policy: &Policy, source: ImageId, target: ImageId) -> Self {
        Self {
            source: Prefetch::of(store.ordered(source)),
            target: Prefetch::of(store.ordered(target)),
            join: Join::new(policy.source.key.clone(), policy.target.key.clone()),
        }
    }

    /// The next step; [`Joined::More`] says that another chunk was taken in, for whoever tells how it goes.
    pub async fn step(&mut self) -> Result<Joined> {
        let step = self.join.step();
        if let Joined::More(stream) = step {
            let chunk = match stream {
                Stream::Source => self.source.next().await?,
                Stream::Target => self.target.next().await?,
            };
            self.join.give(stream, chunk)?;
        }
        Ok(step)
    }
}
