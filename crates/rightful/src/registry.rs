//! The connectors this build carries: one line per vendor.

use rightful_core::Descriptor;

/// A vendor this workspace has a connector for.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Its id: the cargo feature, and the `vendor` of a connection.
    pub id: &'static str,
    /// Its connector, where it is compiled in.
    pub descriptor: Option<&'static Descriptor>,
    /// Its stand-in for the sandbox, with the connector.
    #[cfg(feature = "sandbox")]
    pub stand_in: Option<&'static rightful_sim::StandIn>,
}

macro_rules! vendors {
    ($(#[cfg(feature = $id:literal)] $connector:ident::DESCRIPTOR),* $(,)?) => {
        /// Every vendor, compiled in or not.
        pub static VENDORS: &[Vendor] = &[$(Vendor {
            id: $id,
            #[cfg(feature = $id)]
            descriptor: Some(&$connector::DESCRIPTOR),
            #[cfg(not(feature = $id))]
            descriptor: None,
            #[cfg(all(feature = $id, feature = "sandbox"))]
            stand_in: Some(&$connector::sim::STAND_IN),
            #[cfg(all(not(feature = $id), feature = "sandbox"))]
            stand_in: None,
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

/// The stand-ins of the compiled connectors, each with its connector.
#[cfg(feature = "sandbox")]
pub fn stand_ins() -> impl Iterator<Item = (&'static rightful_sim::StandIn, &'static Descriptor)> {
    VENDORS.iter().filter_map(|vendor| vendor.stand_in.zip(vendor.descriptor))
}
