/** What the global settings say for users whose own file says nothing. Asked at each use, so that a change counts at once. */
export interface GatewayDefaults {
  /** The default bucket; null while none is configured. */
  readonly bucket: string | null;
}
