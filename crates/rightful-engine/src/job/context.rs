//! What every step of a run needs at hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rightful_core::{Connector, Exchange, Instant, Kind, KindSpec, Result, Role};

use super::lease::Releases;
use super::{Event, Integration, Layout, Ports, RunOptions};
use crate::carried::carried;
use crate::{Carried, Digest, EXCHANGES_OF_RUN, Entry, Fence, ImageId, ImageSpec, Plan, PlanId, RunId, Store};

/// One run under its lease. Cheap to clone: steps own what they use.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub ports: Ports,
    pub integration: Arc<Integration>,
    pub layout: Arc<Layout>,
    pub options: RunOptions,
    pub fence: Fence,
    pub run: RunId,
    /// Was the run cut off and taken up again?
    pub resumed: bool,
    /// Leases on their way back.
    pub releases: Releases,
    plan: Arc<Mutex<Option<PlanId>>>,
    /// Numbers of images, once looked up: a store may count rows to tell about an image.
    images: Arc<Mutex<Vec<(ImageSpec, ImageId)>>>,
    /// Exchanges kept so far.
    kept: Arc<AtomicUsize>,
}

impl Job {
    pub fn new(ports: Ports, integration: Arc<Integration>, layout: Arc<Layout>, options: RunOptions, fence: Fence, run: RunId) -> Self {
        Self {
            ports,
            integration,
            layout,
            options,
            fence,
            run,
            resumed: false,
            releases: Releases::default(),
            plan: Arc::default(),
            images: Arc::default(),
            kept: Arc::default(),
        }
    }

    pub fn store(&self) -> &dyn Store {
        &*self.ports.store
    }

    pub fn now(&self) -> Instant {
        self.ports.clock.now()
    }

    pub fn name(&self) -> &str {
        &self.integration.name
    }

    /// The digest that saved plans are bound to.
    pub fn policy_digest(&self) -> Digest {
        self.integration.policy.digest()
    }

    /// A plan of this run, about to be written.
    pub fn draft_plan(&self, table_version: i64) -> Plan {
        Plan::drafting(self.name(), self.now(), self.policy_digest(), table_version)
    }

    /// The run works on this plan from now on.
    pub fn adopt_plan(&self, plan: PlanId) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
    }

    /// The plan the run works on.
    pub fn plan(&self) -> Option<PlanId> {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, text: impl Into<String>) {
        self.ports.progress.report(Event::Note(text.into()));
    }

    /// Where a test may end the process.
    pub fn failpoint(&self, name: &str) {
        if let Some(failpoint) = &self.options.failpoint {
            failpoint(name);
        }
    }

    /// What is kept of the exchanges heard while these entries were written or looked after.
    pub fn carried(&self, entries: &[&Entry], heard: Vec<Exchange>) -> Vec<Carried> {
        let mut carried = carried(entries, heard);
        let before = self.kept.fetch_add(carried.len(), Ordering::Relaxed);
        carried.truncate(EXCHANGES_OF_RUN.saturating_sub(before));
        carried
    }

    /// What the target declares for a kind.
    pub fn target_kind(&self, kind: &Kind) -> Result<&KindSpec> {
        super::layout::kind_spec(&*self.ports.target, kind, &self.integration.policy.target.connection)
    }

    /// The image and the written role of a target kind.
    pub fn target_image(&self, kind: &Kind) -> Result<(&ImageSpec, &Role)> {
        self.layout.target_image(kind, &self.integration.policy)
    }

    /// The number of a target kind's image.
    pub async fn target_image_id(&self, kind: &Kind) -> Result<ImageId> {
        let (spec, _) = self.target_image(kind)?;
        self.image_id(spec).await
    }

    /// The number of an image.
    pub async fn image_id(&self, spec: &ImageSpec) -> Result<ImageId> {
        let known = |images: &[(ImageSpec, ImageId)]| images.iter().find(|(known, _)| known == spec).map(|(_, id)| *id);
        if let Some(id) = known(&self.images.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(id);
        }
        let id = self.store().image(spec).await?.id;
        self.images.lock().unwrap_or_else(PoisonError::into_inner).push((spec.clone(), id));
        Ok(id)
    }

    pub fn target(&self) -> &Arc<dyn Connector> {
        &self.ports.target
    }
}
