{{/* What several templates say in the same words. */}}

{{- define "threadcast.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "threadcast.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "threadcast.labels" -}}
{{ include "threadcast.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "threadcast.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Nobody in the image needs to be anybody, to write anywhere, or to gain anything. */}}
{{- define "threadcast.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "threadcast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Secrets by reference, settings by value. */}}
{{- define "threadcast.environment" -}}
- name: THREADCAST_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.existingSecret }}
      key: database-url
- name: THREADCAST_BUS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.existingSecret }}
      key: bus-url
      optional: true
- name: THREADCAST_JWT_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ .Values.existingSecret }}
      key: jwt-secret
      optional: true
{{- range $key, $value := .Values.settings }}
- name: THREADCAST_{{ upper $key }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* A server answers to the hosts that it was told of, the kubelet's questions too. */}}
{{- define "threadcast.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  {{- with .root.Values.settings.allowed_hosts }}
  httpHeaders:
    - name: Host
      value: {{ splitList "," . | first | trim | quote }}
  {{- end }}
{{- end }}
