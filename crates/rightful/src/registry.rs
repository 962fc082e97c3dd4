//! The connectors this build carries: one line per vendor.

use rightful_core::Descriptor;

/// A vendor this workspace has a connector for.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Its id: the cargo feature, and the `vendor` of a connection.
    pub id: &'static str,
    /// Its connector, where it is compiled in.
    pub descriptor: Option<&'static Descriptor>,
}

macro_rules! vendors {
    ($(#[cfg(feature = $id:literal)] $descriptor:path),* $(,)?) => {
        /// Every vendor, compiled in or not.
        pub static VENDORS: &[Vendor] = &[$(Vendor {
            id: $id,
            #[cfg(feature = $id)]
            descriptor: Some(&$descriptor),
            #[cfg(not(feature = $id))]
            descriptor: None,
        }),*];
    };
}

vendors! {
    #[cfg(feature = "sage-intacct")] connector_sage_intacct::DESCRIPTOR,
    #[cfg(feature = "skynamo")] connector_skynamo::DESCRIPTOR,
}

/// The connectors compiled in.
pub fn connectors() -> impl Iterator<Item = &'static Descriptor> {
    VENDORS.iter().filter_map(|vendor| vendor.descriptor)
}
