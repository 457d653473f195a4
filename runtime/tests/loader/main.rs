//! The object loader, over real objects, damaged objects, and the sources that they were compiled from.

mod agree;
mod core;
mod corpus;
mod hostile;
mod hosts;
mod linking;
mod objects;
