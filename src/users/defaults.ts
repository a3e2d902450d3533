/**
 * Global settings for users without a setting of their own. Read at each use, so a change takes effect at
 * once.
 */
export interface GatewayDefaults {
  /** The default bucket; null while none is configured. */
  readonly bucket: string | null;
}
