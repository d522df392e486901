// Apart from what uses them, whose types need @opentelemetry/api.
export interface TracingOptions {
  /** Whether spans say which keys and tags, which may tell about people. Default `false`. */
  keys?: boolean;
  /** Whether calls outside of any trace begin one of their own. Default `false`: they leave no span. */
  roots?: boolean;
}
